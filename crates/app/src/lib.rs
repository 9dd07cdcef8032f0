//! Services: authorise, rule, transaction, event.
