//! Conformance suites and stores for tests.
