import type { components } from './schema'

type Schemas = components['schemas']
export type Key = Schemas['KeyRow'] & { status?: string; total_spend?: number | null; [more: string]: unknown }
export type Project = Schemas['ProjectRow']
export type Team = Schemas['TeamRow'] & { members_count?: number; keys_count?: number }
export type User = Schemas['UserRow'] & { key_count?: number }
export type Organization = Schemas['OrganizationRow']
export type Customer = Schemas['CustomerRow']
export type Budget = Schemas['BudgetRow']
export type AccessGroup = Schemas['GroupRow']
export type Log = Schemas['SpendLog']
export type Member = { user_id?: string | null; user_email?: string | null; role?: string | null }

/** One deployment behind a public model name. */
export type Deployment = {
  model_name: string
  litellm_params: { model?: string; api_base?: string | null; [name: string]: unknown }
  model_info: { id: string; db_model?: boolean; mode?: string; blocked?: boolean; access_groups?: string[]; litellm_provider?: string; [name: string]: unknown }
}

export type Metrics = {
  spend: number
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
  api_requests: number
  successful_requests: number
  failed_requests: number
  total_response_time_ms?: number
}
export type Slice = { metrics: Metrics; metadata?: Record<string, unknown> }
export type Day = { date: string; metrics: Metrics; breakdown: Record<string, Record<string, Slice>> }
