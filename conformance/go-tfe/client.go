// Package client pins the release of the official client whose own tests `cargo xtask conformance go-tfe` runs.
package client

import _ "github.com/hashicorp/go-tfe"
