//! Semantic rules over a whole project, one file per family.
