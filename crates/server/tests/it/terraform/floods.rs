//! A run that writes what nobody expects to read. A flood of a hundred megabytes needs a release build: `cargo xtask bench`.

use crate::bench::Terrane;
use crate::terraform::workspace::Workspace;

const ODD: &str = r#"
resource "terraform_data" "odd" {
  provisioner "local-exec" {
    command = <<-EOT
      head -c 60000 /dev/zero | tr '\0' y; echo
      printf 'bad \377\376 \002\003\000 bytes\n'
      head -c 10000 /dev/urandom
      echo; echo 'the end of the flood'
    EOT
  }
}
# terraform drops a longer line of a provisioner itself.
output "long" {
  value = format("%0300000d", 7)
}
"#;

#[test]
fn long_lines_and_bytes_that_are_no_text_reach_the_reader_and_fail_no_run() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, ODD);
    for is_structured in [true, false] {
        workspace.set("structured-run-output-enabled", is_structured);
        let ended = workspace.terraform(&["apply", "-auto-approve", "-replace=terraform_data.odd"]).with(0);
        assert!(ended.stdout.contains(&"y".repeat(60_000)), "structured: {is_structured}");
        assert!(ended.stdout.contains(&"0".repeat(299_999)), "structured: {is_structured}");
        ended.shows("bytes").shows("the end of the flood").shows("Apply complete!");
    }
}
