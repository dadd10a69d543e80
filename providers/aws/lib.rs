//! The AWS provider: DynamoDB online, Redshift or Athena offline. So far its pure half: plans say what it needs, and nothing
//! here talks to AWS.

mod spec;

pub use spec::{DYNAMODB_TABLE, DynamoDbSpec};
