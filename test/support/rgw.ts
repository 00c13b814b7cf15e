// A throw-away Ceph RADOS Gateway, ready in about a second. Ceph is the strictest S3 server that
// can be had locally: it verifies signatures, versions and policies, and has quirks of its own.

import type { Readable } from 'node:stream'
import {
  CreateBucketCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { closeCluster, openCluster, startGateway, type Cluster, type ClusterUser } from './ceph.ts'
import { requirePart } from './parts.ts'

export interface RgwOptions {
  /** Also serve `http://BUCKET.DNSNAME:PORT/`. */
  readonly dnsName?: string
  /** The most the store holds in memory. */
  readonly sizeMiB?: number
  /** Objects are kept compressed: a huge one that repeats itself then takes little memory. */
  readonly isCompressed?: boolean
  /** Further users, each with a key of its own. */
  readonly users?: readonly ClusterUser[]
}

export interface Rgw extends AsyncDisposable {
  readonly endpoint: string
  readonly port: number
  readonly accessKey: string
  readonly secretKey: string
  /** Signed as the first user, path style. */
  readonly client: S3Client
  createBucket(bucket: string): Promise<void>
  enableVersioning(bucket: string): Promise<void>
  putObject(
    bucket: string,
    key: string,
    body: string | Uint8Array | Readable,
    headers?: Readonly<Record<string, string>>,
  ): Promise<StoredObject>
  /** A gateway that accepts connections and never answers. */
  pause(): void
  resume(): void
  /** Ends the gateway alone, at once; the objects stay. */
  kill(): Promise<void>
  /** Starts it again on the same port. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface StoredObject {
  readonly etag: string
  readonly versionId: string | undefined
}

const TESTER: ClusterUser = {
  name: 'tester',
  accessKey: 'SLUICETESTACCESSKEY1',
  secretKey: 'sluice-test-secret-key-for-loopback-only',
}

export async function openRgw(options: RgwOptions = {}): Promise<Rgw> {
  requirePart('radosgw')
  const cluster = await openCluster({
    users: [TESTER, ...(options.users ?? [])],
    dnsName: options.dnsName,
    sizeMiB: options.sizeMiB ?? 1024,
    isCompressed: options.isCompressed ?? false,
  })
  return toRgw(cluster)
}

function toRgw(cluster: Cluster): Rgw {
  const endpoint = `http://127.0.0.1:${cluster.port}`
  const client = createClient(endpoint)
  const close = async (): Promise<void> => {
    client.destroy()
    await closeCluster(cluster)
  }
  return {
    endpoint,
    port: cluster.port,
    accessKey: TESTER.accessKey,
    secretKey: TESTER.secretKey,
    client,
    createBucket: async (Bucket) => {
      await client.send(new CreateBucketCommand({ Bucket }))
    },
    enableVersioning: async (Bucket) => {
      const VersioningConfiguration = { Status: 'Enabled' as const }
      await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
    },
    putObject: (bucket, key, body, headers = {}) =>
      putObject(client, { Bucket: bucket, Key: key, Body: body }, headers),
    pause: () => cluster.gateway?.kill('SIGSTOP'),
    resume: () => cluster.gateway?.kill('SIGCONT'),
    kill: async () => {
      cluster.gateway?.kill('SIGKILL')
      await cluster.gateway?.exited
    },
    restart: () => startGateway(cluster),
    close,
    [Symbol.asyncDispose]: close,
  }
}

function createClient(endpoint: string): S3Client {
  return new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: TESTER.accessKey, secretAccessKey: TESTER.secretKey },
    // This gateway does not know the trailing checksums that the SDK sends by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

async function putObject(
  client: S3Client,
  input: { Bucket: string; Key: string; Body: string | Uint8Array | Readable },
  headers: Readonly<Record<string, string>>,
): Promise<StoredObject> {
  const command = new PutObjectCommand(input)
  // As they are, so that a test can store any header S3 takes; 'build' comes before signing.
  command.middlewareStack.add(
    (next) => (args) => {
      if (isRequest(args.request)) Object.assign(args.request.headers, headers)
      return next(args)
    },
    { step: 'build', priority: 'low' },
  )
  const { ETag = '', VersionId } = await client.send(command)
  return { etag: ETag, versionId: VersionId }
}

function isRequest(request: unknown): request is { headers: Record<string, string> } {
  return typeof request === 'object' && request !== null && 'headers' in request
}
