// Where requests are traced, a range of the histogram of their durations names one that fell into it.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openFront } from '../support/front.ts'
import type { Front } from '../support/front.ts'
import { request } from '../support/http.ts'
import { openOtlp } from '../support/otlp.ts'
import { until } from '../support/until.ts'

/** As Prometheus asks. */
const ACCEPT =
  'application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2'
const EXEMPLAR =
  /^sluice_http_request_duration_seconds_bucket\{bucket="files",le="[^"]+"\} \d+ # \{trace_id="([\da-f]{32})"\} ([\d.e-]+) ([\d.]+)$/m

async function scrape({ opsUrl }: Front, accept: string): Promise<{ type: string; text: string }> {
  const { headers, text } = await request(`${opsUrl}/metrics`, { headers: { Accept: accept } })
  return { type: String(headers['content-type']), text }
}

for (const threads of [1, 2]) {
  test(`of ${threads} threads, a trace that was sampled is named to whoever reads OpenMetrics`, async () => {
    await using otlp = await openOtlp()
    const tracing = { enabled: true, otlp_endpoint: otlp.httpUrl, sampling_ratio: 0 }
    await using front = await openFront({ observability: { tracing }, server: { threads } })
    front.put('a.txt', 'hello')
    await request(`${front.url}/files/a.txt`)
    const plain = await scrape(front, ACCEPT)
    assert.match(plain.type, /^text\/plain/, 'nothing is to be said that only the other can say')

    const trace = '8'.repeat(32)
    const traceparent = `00-${trace}-b7ad6b7169203331-01`
    await request(`${front.url}/files/a.txt`, { headers: { traceparent } })
    const { type, text } = await until(
      'the exemplar',
      () => scrape(front, ACCEPT),
      (now) => EXEMPLAR.test(now.text),
    )
    assert.equal(type, 'application/openmetrics-text; version=1.0.0; charset=utf-8')
    const [, named, value, at] = EXEMPLAR.exec(text) ?? []
    assert.equal(named, trace)
    assert.ok(Number(value) > 0 && Math.abs(Number(at) - Date.now() / 1000) < 60)
    assert.ok(text.endsWith('\n# EOF\n'))
    // A counter has the name it had, and its family the one that OpenMetrics wants.
    assert.match(text, /^# TYPE sluice_http_requests counter$/m)
    assert.match(text, /^sluice_http_requests_total\{.*\} \d+$/m)
    assert.doesNotMatch(text, /_total_total/)

    for (const accept of [
      '*/*',
      'text/plain',
      'application/openmetrics-text;version=0.0.1',
      ACCEPT.replace('0.5', '0.1'),
    ]) {
      const other = await scrape(front, accept)
      assert.match(other.type, /^text\/plain; version=0\.0\.4/, accept)
      assert.doesNotMatch(other.text, /trace_id/)
    }
  })
}
