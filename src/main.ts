// Reads the command line and the world, and starts what was asked for. The only place that knows
// the process it runs in.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { checkCommand, configCommand } from './config/commands.ts'
import { readArguments, runWorker, serve, USAGE, VERSION } from './program/program.ts'
import type { Command, World } from './program/program.ts'

function out(line: string): void {
  process.stdout.write(`${line}\n`)
}

function err(line: string): void {
  process.stderr.write(`${line}\n`)
}

function run(command: Command): number | Promise<number> {
  switch (command.kind) {
    case 'serve':
      return serve(command.file, world())
    case 'check':
      return checkCommand(command.file, process.env, out)
    case 'config':
      return configCommand(command.file, process.env, command, out)
    case 'version':
      out(VERSION)
      return 0
    case 'help':
      out(USAGE)
      return 0
    case 'mistaken':
      err(`sluice: ${command.message}\n${USAGE}`)
      return 1
  }
}

function world(): World {
  return {
    env: process.env,
    out,
    err,
    spawn: (orders) => new Worker(new URL(import.meta.url), { workerData: orders }),
    stopped: new Promise((resolve) => {
      process.once('SIGTERM', resolve)
      process.once('SIGINT', resolve)
    }),
  }
}

if (isMainThread) process.exitCode = await run(readArguments(process.argv.slice(2)))
else if (parentPort !== null) await runWorker(parentPort, workerData)
