//! The dependency graph of objects.
