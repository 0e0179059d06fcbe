import { budgetFields, type Field, limitSection, metadata, modelLimits, type Section, windows } from '../../forms/spec'

const expiry: Field['options'] = [
  { value: '1h', label: 'In an hour' }, { value: '24h', label: 'In a day' }, { value: '7d', label: 'In a week' }, { value: '30d', label: 'In 30 days' }, { value: '90d', label: 'In 90 days' }, { value: '365d', label: 'In a year' },
]
const guarantee: Field['options'] = [
  { value: 'best_effort_throughput', label: 'Best effort' },
  { value: 'guaranteed_throughput', label: 'Guaranteed: refused when the team has promised all it has' },
]

/** Create and Edit Virtual Key: the fields of /key/generate and /key/update. */
export const keyForm: Section[] = [
  {
    title: 'Basic information',
    fields: [
      { name: 'key_alias', label: 'Name', kind: 'text', placeholder: 'flight-search-prod', help: 'Shown wherever the key is named.' },
      { name: 'user_id', label: 'Owner', kind: 'user', placeholder: 'Nobody', help: 'Their own limits hold for it too.' },
      { name: 'team_id', label: 'Team', kind: 'team', placeholder: 'None' },
      { name: 'project_id', label: 'Project', kind: 'project', placeholder: 'None' },
      { name: 'models', label: 'Models', kind: 'models', full: true, modelsOf: (v) => ({ team: v.team_id as string, project: v.project_id as string }), help: 'None chosen: all that its team, project and owner may call.' },
      ...budgetFields(),
      { name: 'duration', label: 'Expires', kind: 'select', options: expiry, placeholder: 'Never', on: 'create' },
      { name: 'key_type', label: 'May call', kind: 'select', on: 'create', options: [{ value: 'default', label: 'Models and its own management' }, { value: 'llm_api', label: 'Models only' }, { value: 'management', label: 'Management only' }, { value: 'read_only', label: 'Reading only' }], placeholder: 'Models and its own management' },
    ],
  },
  limitSection([
    { name: 'rpm_limit_type', label: 'Requests per minute are', kind: 'select', options: guarantee, placeholder: 'Best effort' },
    { name: 'tpm_limit_type', label: 'Tokens per minute are', kind: 'select', options: guarantee, placeholder: 'Best effort' },
  ]),
  {
    title: 'Advanced settings', folded: true,
    fields: [
      windows,
      { ...modelLimits, modelsOf: (v) => ({ team: v.team_id as string, project: v.project_id as string }) },
      { name: 'soft_budget', label: 'Soft budget', kind: 'money', placeholder: 'None' },
      { name: 'access_group_ids', label: 'Access groups', kind: 'accessGroups' },
      { name: 'temp_budget_increase', label: 'More budget for a while', kind: 'money', placeholder: 'None', help: 'Added to the max budget until then.' },
      { name: 'temp_budget_expiry', label: 'Until', kind: 'moment', required: false, help: 'In your time zone.' },
      { name: 'tags', label: 'Tags', kind: 'tags', help: 'Put on each of its requests.' },
      { name: 'allowed_ips', label: 'From these addresses only', kind: 'tags', placeholder: '10.0.0.0/8' },
      metadata,
    ],
  },
]
