//! Every code of definitions. A code keeps its meaning for ever and is never used again.

use super::Code;

/// The text is no HCL.
pub const SYNTAX: Code = Code("PD001");
/// A block type that does not exist or does not belong there.
pub const UNKNOWN_BLOCK: Code = Code("PD002");
/// An attribute that the block does not take.
pub const UNKNOWN_ATTRIBUTE: Code = Code("PD003");
/// An attribute or a block that is needed and not there.
pub const MISSING: Code = Code("PD004");
/// The same attribute or block twice.
pub const REPEATED: Code = Code("PD005");
/// Too few or too many labels.
pub const LABELS: Code = Code("PD006");
/// A value of another type than asked for.
pub const WRONG_TYPE: Code = Code("PD007");
/// A type that is no type, or not allowed there.
pub const TYPE: Code = Code("PD008");
/// A duration that is none.
pub const DURATION: Code = Code("PD009");
/// A name with a form that names may not have.
pub const NAME: Code = Code("PD010");
/// Two definitions of one name.
pub const DUPLICATE: Code = Code("PD011");
/// A reference to something that is not defined.
pub const UNKNOWN_REFERENCE: Code = Code("PD012");
/// A reference to another kind of thing than asked for.
pub const WRONG_KIND: Code = Code("PD013");
/// Definitions that need each other in a circle.
pub const CYCLE: Code = Code("PD014");
/// A value that is not one of those allowed.
pub const VALUE: Code = Code("PD015");
/// A function that does not exist.
pub const UNKNOWN_FUNCTION: Code = Code("PD016");
/// A function called with the wrong arguments, or one that failed.
pub const FUNCTION: Code = Code("PD017");
/// Arithmetic without a result: division by zero, overflow.
pub const ARITHMETIC: Code = Code("PD018");
/// An index or key that is not there.
pub const INDEX: Code = Code("PD019");
/// A variable without a value, or a value without a variable.
pub const VARIABLE: Code = Code("PD020");
/// A value that does not meet the variable's `validation`.
pub const VALIDATION: Code = Code("PD021");
/// Two output names of a feature service, or a feature and a join key, that are the same.
pub const COLLISION: Code = Code("PD022");
/// Attributes that do not go together, or of which exactly one is needed.
pub const CONFLICT: Code = Code("PD023");
/// Something of the language that this version does not have yet.
pub const UNSUPPORTED: Code = Code("PD024");
/// An expression that would make too much of something.
pub const LIMIT: Code = Code("PD025");
/// An expression over columns that has no meaning.
pub const EXPRESSION: Code = Code("PD026");
/// `feature_store.yaml` is no YAML, or not a map.
pub const YAML: Code = Code("PD050");
/// A key of `feature_store.yaml` that does not exist.
pub const YAML_KEY: Code = Code("PD051");
/// A value in `feature_store.yaml` that cannot be.
pub const YAML_VALUE: Code = Code("PD052");
/// A key of `feature_store.yaml` that is needed and not there.
pub const YAML_MISSING: Code = Code("PD053");
/// A key of Feast's that means nothing here.
pub const YAML_FEAST: Code = Code("PD054");
