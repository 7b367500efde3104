/**
 * How the embedded server runs: durable, modest, reachable through its socket alone. Given as arguments at every start,
 * so that a new version's settings apply to an old cluster.
 *
 * @see https://www.postgresql.org/docs/18/runtime-config.html
 */
export const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',

  // An answer that left is on the disk.
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',

  // One service with a few pools beside it; it has no replicas and nothing is archived from it.
  max_connections: '100',
  shared_buffers: '64MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '512MB',
  checkpoint_timeout: '15min',

  // Fewer processes: queries are short and their data is in memory.
  io_method: 'sync',
  max_worker_processes: '2',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  jit: 'off',

  timezone: 'UTC',
  log_timezone: 'UTC',
  log_line_prefix: '',
  log_checkpoints: 'off',
  // What failed in a statement is the service's to say; the statement's own text and values stay out of the log.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
}
