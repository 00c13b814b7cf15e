// What goes wrong during a soak, one thing after another, and what each excuses. The list is the
// promise: whatever it does not excuse must not be seen by a client.

import type { FaultRule, S3Server } from '../../dev/s3-server.ts'
import type { Outcome } from './visits.ts'
import type { SoakWorld } from './world.ts'

export interface Trouble {
  readonly name: string
  begin(): Promise<void> | void
  end(): Promise<void> | void
  /** How long it is felt after its end. */
  readonly graceMs: number
  excuses(outcome: Outcome): boolean
}

export function troublesOf({ replicas, redis, opa, sluice }: SoakWorld): readonly Trouble[] {
  const [first, second] = replicas
  const one = (name: string, fault: FaultRule): Trouble => spoilt(name, [first], fault, nothing)
  return [
    one('the first replica refuses', { kind: 'refuse' }),
    one('the first replica hangs', { kind: 'hang' }),
    one('the first replica answers 500', { kind: 'status', status: 500, code: 'InternalError' }),
    one('the first replica cuts bodies', { kind: 'cut' }),
    one('the first replica stalls in bodies', { kind: 'stall' }),
    one('the first replica is slow', { kind: 'slow', bytesPerSecond: 200_000 }),
    spoilt('both replicas refuse', [first, second], { kind: 'refuse' }, isOfOrigin),
    {
      name: 'Redis is killed',
      begin: () => redis.kill(),
      end: () => redis.start(),
      graceMs: 0,
      excuses: nothing,
    },
    {
      name: 'Redis hangs',
      begin: () => redis.pause(),
      end: () => redis.resume(),
      graceMs: 0,
      excuses: nothing,
    },
    {
      name: 'OPA is killed',
      begin: () => opa.kill(),
      end: () => opa.start(),
      graceMs: 3000,
      excuses: isOfPolicy,
    },
    {
      name: 'OPA hangs',
      begin: () => opa.pause(),
      end: () => opa.resume(),
      graceMs: 3000,
      excuses: isOfPolicy,
    },
    reloads(sluice),
  ]
}

function reloads({ kill }: SoakWorld['sluice']): Trouble {
  let timer: NodeJS.Timeout | undefined
  return {
    name: 'the configuration is read again every second',
    begin: () => {
      timer = setInterval(() => kill('SIGHUP'), 1000)
    },
    end: () => clearInterval(timer),
    graceMs: 0,
    excuses: nothing,
  }
}

function spoilt(
  name: string,
  servers: readonly S3Server[],
  rule: FaultRule,
  excuses: Trouble['excuses'],
): Trouble {
  let faults: ReturnType<S3Server['fault']>[] = []
  return {
    name,
    begin: () => {
      faults = servers.map((server) => server.fault(rule))
    },
    end: () => {
      for (const fault of faults) fault.remove()
    },
    graceMs: 5000,
    excuses,
  }
}

function nothing(): boolean {
  return false
}

/** There is nobody to ask, nor to go on with a body. */
function isOfOrigin({ status }: Outcome): boolean {
  return status === 'broken' || status === 502 || status === 503 || status === 504
}

function isOfPolicy({ status, code }: Outcome): boolean {
  return status === 503 && code === 'policy_unavailable'
}
