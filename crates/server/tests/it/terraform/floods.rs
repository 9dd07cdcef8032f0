//! A run that writes what nobody expects to read. A flood of a hundred megabytes needs a release build: `cargo xtask bench`.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const ODD: &str = r#"
resource "terraform_data" "odd" {
  provisioner "local-exec" {
    command = <<-EOT
      head -c 300000 /dev/zero | tr '\0' y; echo
      printf 'bad \377\376 \002\003\000 bytes\n'
      head -c 10000 /dev/urandom
      echo; echo 'the end of the flood'
    EOT
  }
}
"#;

#[test]
fn long_lines_and_bytes_that_are_no_text_reach_the_reader_and_fail_no_run() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, ODD);
    for is_structured in [true, false] {
        workspace.set("structured-run-output-enabled", is_structured);
        let ended = workspace.terraform(&["apply", "-auto-approve", "-replace=terraform_data.odd"]).with(0);
        assert!(ended.stdout.contains(&"y".repeat(300_000)), "structured: {is_structured}");
        ended.shows("bytes").shows("the end of the flood").shows("Apply complete!");
    }
}
