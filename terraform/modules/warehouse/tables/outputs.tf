output "tables" {
  description = "Every table of RAW by name: its comment and its columns (name, type, nullable, pii) in order."
  value       = merge(local.data_tables, local.deletes_tables, local.claim_tables, local.ledger)
}

output "streams" {
  description = "Every stream by name, with the prefix of the lake that holds its files."
  value       = { for stream, contract in local.streams : stream => { prefix = contract.prefix } }
}
