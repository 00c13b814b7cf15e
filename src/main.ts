#!/usr/bin/env -S node --max-semi-space-size=4
// Reads the command line and the world, and starts what was asked for. The only place that knows
// the process it runs in.
//
// Left to itself V8 lets the young generation of each thread grow to 64 MiB, in which short-lived
// bytes lie about; a cache of that size would not be known by the memory it takes. The first line
// is for the main thread, whose heap is laid out before anything here runs.

import { setFlagsFromString } from 'node:v8'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

import { checkCommand, configCommand } from './config/commands.ts'
import {
  auditVerifyCommand,
  completionScript,
  explainCommand,
  prewarmCommand,
  purgeCommand,
  readArguments,
  reloadCommand,
  runWorker,
  serve,
  signCommand,
  statsCommand,
  tokenCommand,
  topCommand,
  USAGE,
  VERSION,
} from './program/program.ts'
import type { Command, Terminal, TopTerminal, World } from './program/program.ts'

/**
 * Of the workers' heaps too, however the program was started. What leaves the cache dies old: a heap
 * that may only grow by so much between two collections does not take as much again as the cache.
 */
const HEAP_FLAGS = ['--max-semi-space-size=4', '--heap-growing-percent=30']

function out(line: string): void {
  process.stdout.write(`${line}\n`)
}

function err(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Whoever reads may stop reading: that is no error. What could not be written otherwise is one. */
function letReadersLeave(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
    })
  }
}

function run(command: Command): number | Promise<number> {
  if (command.kind !== 'serve') letReadersLeave()
  switch (command.kind) {
    case 'serve':
      return serve(command.file, world())
    case 'check':
      return checkCommand(command.file, process.env, out)
    case 'config':
      return printConfig(command)
    case 'purge':
      return purgeCommand(command.place, command.order, terminal())
    case 'prewarm':
      return prewarmCommand(command.place, command.prewarming, terminal())
    case 'stats':
      return statsCommand(command.place, command.bucket, terminal())
    case 'reload':
      return reloadCommand(command.place, terminal())
    case 'explain':
      return explainCommand(command.place, command.request, { ...terminal(), json: command.json })
    case 'top':
      return topCommand(command.place, command.isOnce, screen())
    case 'completion':
      out(completionScript(command.shell))
      return 0
    case 'token':
      return tokenCommand(command.minting, terminal())
    case 'sign':
      return signCommand(command.signing, terminal())
    case 'audit-verify':
      return auditVerifyCommand(command.files, terminal())
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

function terminal(): Terminal {
  return { env: process.env, out, err }
}

function screen(): TopTerminal {
  const stop = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort())
  }
  const { stdin: input, stdout: output } = process
  return { ...terminal(), input, output, stopped: stop.signal }
}

/** What is wrong goes where it does not end up in a file of the configuration. */
function printConfig(command: Extract<Command, { kind: 'config' }>): number {
  const lines: string[] = []
  const code = configCommand(command.file, process.env, command, (line) => lines.push(line))
  for (const line of lines) (code === 0 ? out : err)(line)
  return code
}

function world(): World {
  const impatience = new AbortController()
  // A full disk or a reader that is gone costs the words, never the serving.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  return {
    env: process.env,
    out,
    err,
    // Where an operator has said how many, so many it is.
    sizePool: (threads) => void (process.env['UV_THREADPOOL_SIZE'] ??= String(threads)),
    spawn: (orders) =>
      new Worker(new URL(import.meta.url), { workerData: orders, transferList: [orders.line] }),
    onReload: (ask) => void process.on('SIGHUP', ask),
    stopped: new Promise((resolve) => {
      let isStopped = false
      const stop = (signal: NodeJS.Signals): void => {
        // Whoever asks twice does not want to wait for transfers.
        if (isStopped) impatience.abort()
        isStopped = true
        resolve(signal)
      }
      process.on('SIGTERM', stop)
      process.on('SIGINT', stop)
    }),
    impatience: impatience.signal,
  }
}

for (const flag of HEAP_FLAGS) setFlagsFromString(flag)
if (isMainThread) process.exitCode = await run(readArguments(process.argv.slice(2)))
else if (parentPort !== null) await runWorker(parentPort, workerData)
