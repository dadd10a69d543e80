//! Online reads over the memory provider: `world` is a small project, the other files are its cases.

mod answers;
mod refusals;
mod replacement;
mod world;
mod writes;
