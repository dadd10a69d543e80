//! The façade that the command line, the server and later Python share.
