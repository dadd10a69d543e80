//! Source files, spans and positions.
