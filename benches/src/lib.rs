//! Benchmarks of Argos; see README.md beside this package.
