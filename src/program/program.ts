// The program around the proxy: its command line, its threads, its start and its end.

export {
  explainCommand,
  prewarmCommand,
  purgeCommand,
  reloadCommand,
  statsCommand,
} from './admin-client.ts'
export type { Terminal } from './admin-client.ts'
export { auditVerifyCommand } from './audit-command.ts'
export { readArguments, USAGE } from './arguments.ts'
export type { Command } from './arguments.ts'
export { completionScript } from './completion.ts'
export { signCommand } from './sign-command.ts'
export { tokenCommand } from './token-command.ts'
export { serve } from './serve.ts'
export type { World } from './serve.ts'
export { topCommand } from './top-command.ts'
export type { TopTerminal } from './top-command.ts'
export { VERSION } from './version.ts'
export { runWorker } from './worker.ts'
