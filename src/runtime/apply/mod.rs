//! Carrying out a plan, fenced by the registry log.
