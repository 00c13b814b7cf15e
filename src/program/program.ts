// The program around the proxy: its command line, its threads, its start and its end.

export { explainCommand, prewarmCommand, purgeCommand, statsCommand } from './admin-client.ts'
export type { Terminal } from './admin-client.ts'
export { readArguments, USAGE } from './arguments.ts'
export type { Command } from './arguments.ts'
export { signCommand } from './sign-command.ts'
export { tokenCommand } from './token-command.ts'
export { serve } from './serve.ts'
export type { World } from './serve.ts'
export { VERSION } from './version.ts'
export { runWorker } from './worker.ts'
