variable "contracts_dir" {
  description = "Folder with the data contracts, `<stream>.odcs.yaml`."
  type        = string
  nullable    = false

  validation {
    condition     = length(fileset(var.contracts_dir, "*.odcs.yaml")) > 0
    error_message = "There is no *.odcs.yaml in contracts_dir."
  }
}
