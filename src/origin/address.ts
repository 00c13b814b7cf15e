// Where a replica's objects live: AWS by the rules of its partitions, anything else by the
// endpoint it was given.

import { isIP } from 'node:net'

import type { ReplicaConfig } from '../config/s3.ts'
import { encodeKey } from './encode.ts'

export interface Address {
  /** Scheme, host and port, for the connection. */
  readonly origin: string
  /** The Host header, which is also what is signed. */
  readonly host: string
  /** What comes before '/' and the key: '' or '/bucket', encoded. */
  readonly basePath: string
  readonly isAws: boolean
}

const suffixByPartition: readonly (readonly [regionPrefix: string, suffix: string])[] = [
  ['cn-', 'amazonaws.com.cn'],
  ['eusc-', 'amazonaws.eu'],
  ['us-iso-', 'c2s.ic.gov'],
  ['us-isob-', 'sc2s.sgov.gov'],
  ['us-isof-', 'csp.hci.ic.gov'],
  ['eu-isoe-', 'cloud.adc-e.uk'],
]
const commonSuffix = 'amazonaws.com'

// A dot in the bucket would leave the certificate's wildcard (*.s3.region.…) behind.
const oneDnsLabel = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/

export function addressFor(
  replica: Pick<ReplicaConfig, 'bucket' | 'endpoint' | 'addressing'>,
  region: string,
): Address {
  const { bucket, endpoint, addressing } = replica
  if (endpoint !== undefined) return endpointAddress(new URL(endpoint), bucket, addressing)

  const host = `s3.${region}.${suffixOf(region)}`
  const isVirtual = addressing === 'virtual' || (addressing === 'auto' && oneDnsLabel.test(bucket))
  return isVirtual
    ? address('https:', `${bucket}.${host}`, '', true)
    : address('https:', host, `/${encodeKey(bucket)}`, true)
}

function endpointAddress(
  endpoint: URL,
  bucket: string,
  addressing: ReplicaConfig['addressing'],
): Address {
  const { protocol, hostname, host, pathname } = endpoint
  const isAws = isAwsHost(hostname)
  const folder = pathname.replace(/\/+$/, '')

  // No name can be put in front of an IP address.
  if (addressing === 'virtual' && !isAddressLiteral(hostname)) {
    return address(protocol, `${bucket}.${host}`, folder, isAws)
  }
  return address(protocol, host, `${folder}/${encodeKey(bucket)}`, isAws)
}

function address(protocol: string, host: string, basePath: string, isAws: boolean): Address {
  return { origin: `${protocol}//${host}`, host, basePath, isAws }
}

function suffixOf(region: string): string {
  return suffixByPartition.find(([prefix]) => region.startsWith(prefix))?.[1] ?? commonSuffix
}

function isAwsHost(hostname: string): boolean {
  if (hostname.endsWith(`.${commonSuffix}`)) return true
  return suffixByPartition.some(([, suffix]) => hostname.endsWith(`.${suffix}`))
}

function isAddressLiteral(hostname: string): boolean {
  return hostname.startsWith('[') || isIP(hostname) !== 0
}
