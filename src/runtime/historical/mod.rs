//! Point-in-time training data.
