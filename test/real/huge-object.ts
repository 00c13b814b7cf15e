// Puts an object of gigabytes into a gateway in seconds: one part, copied within the gateway as
// often as it takes.

import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3'
import type { Rgw } from '../support/rgw.ts'

const COPIES_AT_ONCE = 3

export async function putCopies(
  { client }: Rgw,
  { bucket, part, key, copies }: { bucket: string; part: string; key: string; copies: number },
): Promise<void> {
  const target = { Bucket: bucket, Key: key }
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target))
  const upload = { ...target, UploadId, CopySource: `${bucket}/${part}` }
  const tags = new Map<number, string | undefined>()
  const waiting = Array.from({ length: copies }, (_, index) => index + 1)
  const copyNext = async (): Promise<void> => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const copy = new UploadPartCopyCommand({ ...upload, PartNumber: number })
      tags.set(number, (await client.send(copy)).CopyPartResult?.ETag)
    }
  }
  await Promise.all(Array.from({ length: COPIES_AT_ONCE }, copyNext))
  const Parts = [...tags]
    .toSorted(([one], [other]) => one - other)
    .map(([PartNumber, ETag]) => ({ PartNumber, ETag }))
  const complete = { ...target, UploadId, MultipartUpload: { Parts } }
  await client.send(new CompleteMultipartUploadCommand(complete))
}
