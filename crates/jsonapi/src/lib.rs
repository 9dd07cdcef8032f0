//! JSON:API documents, relationships, queries and errors in the dialect of the HCP Terraform API.
