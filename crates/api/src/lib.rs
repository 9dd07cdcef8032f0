//! The JSON:API front door, discovery, signed blob addresses and the runner protocol.
