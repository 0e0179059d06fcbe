import { useQuery } from '@tanstack/react-query'
import { address, read, send } from './client'
import type { ApiError } from './errors'
import type { Day, Metrics } from './rows'

export type Activity = { results: Day[]; metadata: Record<string, number> }

/** The minutes that the viewer's clock is behind UTC, as the API takes them: days are the viewer's. */
export const timezone = () => new Date().getTimezoneOffset()

/** Usage by day of one kind of scope. While other days are asked for, the last ones stay; never those of somebody else. */
export function useActivity(scope: string, params: Record<string, unknown>, enabled = true) {
  const { start_date: _from, end_date: _to, ...whose } = params
  const of = address(`/${scope}`, whose)
  const at = address(`/${scope}/daily/activity/aggregated`, { ...params, timezone: timezone() })
  return useQuery<Activity, ApiError>({
    queryKey: ['activity', of, at], queryFn: async ({ signal }) => (await read(await send('GET', at, { signal }))) as Activity,
    placeholderData: (last, query) => (query?.queryKey[1] === of ? last : undefined), enabled,
  })
}

/** The sums of an answer. */
export const sums = (a: Activity | undefined): Metrics => ({
  spend: a?.metadata.total_spend ?? 0, prompt_tokens: a?.metadata.total_prompt_tokens ?? 0, completion_tokens: a?.metadata.total_completion_tokens ?? 0, total_tokens: a?.metadata.total_tokens ?? 0,
  api_requests: a?.metadata.total_api_requests ?? 0, successful_requests: a?.metadata.total_successful_requests ?? 0, failed_requests: a?.metadata.total_failed_requests ?? 0,
})
