terraform {
  cloud {
    hostname     = "HOST"
    organization = "ORGANIZATION"
    workspaces {
      name = "demo"
    }
  }
}

resource "terraform_data" "greeting" {
  input            = "Hello from your own server"
  triggers_replace = timestamp()

  provisioner "local-exec" {
    command = "echo '${self.input}, in a process of the runner'"
  }
}

output "greeting" {
  value = terraform_data.greeting.output
}
