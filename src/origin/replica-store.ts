// What outlives the origins that use it: the ways to replicas, with their connections and
// credentials, for as long as their settings stay, and what is known of each, for as long as it is
// the same place asked by the same account.

import { Commons } from '../primitives/commons.ts'
import type { Holdings } from '../primitives/commons.ts'
import { fingerprint } from '../config/transfer.ts'
import { endpointOf, ReplicaRecord } from './replica.ts'
import type { ReplicaOptions } from './replica.ts'
import type { S3Endpoint } from './s3-endpoint.ts'

export class ReplicaStore {
  readonly #endpoints = new Commons<S3Endpoint>((endpoint) => endpoint.retire())
  readonly #records = new Commons<ReplicaRecord>(() => undefined)

  take(
    { config, bucket, emit }: Pick<ReplicaOptions, 'config' | 'bucket' | 'emit'>,
    holdings: Holdings,
  ): { readonly endpoint: S3Endpoint; readonly record: ReplicaRecord } {
    const { name, bucket: copy, region, endpoint: at, addressing, keyPrefix, credentials } = config
    // How often it is chosen, and how long it is waited for, is no matter of the way to it.
    const { priority: _p, weight: _w, timeoutMs: _t, ...way } = config
    const place = fingerprint([bucket, name, copy, region, at, addressing, keyPrefix, credentials])
    return {
      endpoint: holdings.take(this.#endpoints, fingerprint([bucket, way]), () =>
        endpointOf({ config, bucket, emit }),
      ),
      record: holdings.take(this.#records, place, () => new ReplicaRecord()),
    }
  }
}
