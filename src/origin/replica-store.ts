// What outlives the origins that use it: the ways to replicas, with their connections and
// credentials, for as long as their settings stay, and what is known of each, for as long as it is
// the same place asked by the same account.

import { Commons } from '../primitives/commons.ts'
import type { Holdings } from '../primitives/commons.ts'
import type { ReplicaConfig } from '../config/s3.ts'
import { fingerprint } from '../config/transfer.ts'
import { endpointOf } from './replica.ts'
import type { ReplicaOptions } from './replica.ts'
import { ReplicaRecord } from './replica-record.ts'
import type { S3Endpoint } from './s3-endpoint.ts'
import { SharedReplica } from './shared-replica.ts'
import type { ReplicaMemory } from './shared-replica.ts'

/** Where what is known of replicas lies that all threads know together. */
export interface SharedReplicas {
  readonly lane: number
  /** By `placeOf`; undefined where a thread is alone. */
  memoryOf(place: string): ReplicaMemory | undefined
}

/** What a replica is known by, whatever else is said of it. */
export function placeOf(bucket: string, config: ReplicaConfig): string {
  const { name, bucket: copy, region, endpoint, addressing, keyPrefix, credentials } = config
  return fingerprint([bucket, name, copy, region, endpoint, addressing, keyPrefix, credentials])
}

export class ReplicaStore {
  readonly #shared: SharedReplicas | undefined
  readonly #endpoints = new Commons<S3Endpoint>((endpoint) => endpoint.retire())
  readonly #records = new Commons<ReplicaRecord>(() => undefined)

  constructor(shared?: SharedReplicas) {
    this.#shared = shared
  }

  take(
    { config, bucket, emit }: Pick<ReplicaOptions, 'config' | 'bucket' | 'emit'>,
    holdings: Holdings,
  ): { readonly endpoint: S3Endpoint; readonly record: ReplicaRecord } {
    // How often it is chosen, and how long it is waited for, is no matter of the way to it.
    const { priority: _p, weight: _w, timeoutMs: _t, ...way } = config
    return {
      endpoint: holdings.take(this.#endpoints, fingerprint([bucket, way]), () =>
        endpointOf({ config, bucket, emit }),
      ),
      record: this.#recordOf(placeOf(bucket, config), holdings),
    }
  }

  #recordOf(place: string, holdings: Holdings): ReplicaRecord {
    const memory = this.#shared?.memoryOf(place)
    if (this.#shared === undefined || memory === undefined) {
      return holdings.take(this.#records, place, () => new ReplicaRecord())
    }
    const { lane } = this.#shared
    // Of one that was away the other threads may know nothing any more.
    return holdings.take(
      this.#records,
      `${place} ${memory.id}`,
      () => new ReplicaRecord(new SharedReplica(memory, lane, Math.random)),
    )
  }
}
