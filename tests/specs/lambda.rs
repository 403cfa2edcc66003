//! Specifications of lambda.
