//! HCL text to a compact tree with spans, and the evaluator of its expressions.
