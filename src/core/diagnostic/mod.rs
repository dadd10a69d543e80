//! Findings about source text: code, severity, spans, help.
