//! The `provender` command.

fn main() {}
