//! Every code of definitions. A code keeps its meaning for ever and is never used again.

use super::Code;

macro_rules! codes {
    ($(#[doc = $about:literal] $name:ident = $code:literal;)+) => {
        $(#[doc = $about] pub const $name: Code = Code($code);)+

        /// Every code with what it means, in order.
        pub const ALL: &[(Code, &str)] = &[$(($name, $about)),+];
    };
}

codes! {
    /// The text is no HCL.
    SYNTAX = "PD001";
    /// A block type that does not exist or does not belong there.
    UNKNOWN_BLOCK = "PD002";
    /// An attribute that the block does not take.
    UNKNOWN_ATTRIBUTE = "PD003";
    /// An attribute or a block that is needed and not there.
    MISSING = "PD004";
    /// The same attribute or block twice.
    REPEATED = "PD005";
    /// Too few or too many labels.
    LABELS = "PD006";
    /// A value of another type than asked for.
    WRONG_TYPE = "PD007";
    /// A type that is no type, or not allowed there.
    TYPE = "PD008";
    /// A duration that is none.
    DURATION = "PD009";
    /// A name with a form that names may not have.
    NAME = "PD010";
    /// Two definitions of one name.
    DUPLICATE = "PD011";
    /// A reference to something that is not defined.
    UNKNOWN_REFERENCE = "PD012";
    /// A reference to another kind of thing than asked for.
    WRONG_KIND = "PD013";
    /// Definitions that need each other in a circle.
    CYCLE = "PD014";
    /// A value that is not one of those allowed.
    VALUE = "PD015";
    /// A function that does not exist.
    UNKNOWN_FUNCTION = "PD016";
    /// A function called with the wrong arguments, or one that failed.
    FUNCTION = "PD017";
    /// Arithmetic without a result: division by zero, overflow.
    ARITHMETIC = "PD018";
    /// An index or key that is not there.
    INDEX = "PD019";
    /// A variable without a value, or a value without a variable.
    VARIABLE = "PD020";
    /// A value that does not meet the variable's `validation`.
    VALIDATION = "PD021";
    /// Two output names of a feature service, or a feature and a join key, that are the same.
    COLLISION = "PD022";
    /// Attributes that do not go together, or of which exactly one is needed.
    CONFLICT = "PD023";
    /// Something of the language that this version does not have yet.
    UNSUPPORTED = "PD024";
    /// An expression that would make too much of something.
    LIMIT = "PD025";
    /// An expression over columns that has no meaning.
    EXPRESSION = "PD026";
    /// A value of a sensitive variable in a definition.
    SENSITIVE = "PD027";
    /// A file that cannot be read.
    FILE = "PD028";
    /// A credential in the path or endpoint of a source. It is shown in no line.
    CREDENTIAL = "PD029";
    /// `feature_store.yaml` is no YAML, or not a map.
    YAML = "PD050";
    /// A key of `feature_store.yaml` that does not exist.
    YAML_KEY = "PD051";
    /// A value in `feature_store.yaml` that cannot be.
    YAML_VALUE = "PD052";
    /// A key of `feature_store.yaml` that is needed and not there.
    YAML_MISSING = "PD053";
    /// A key of Feast's that means nothing here.
    YAML_FEAST = "PD054";
}
