//! Values of expressions, and failures.
