import { budgetFields, limitSection, metadata, modelLimits, type Section, windows } from '../../forms/spec'

/** Create and Edit Team: the fields of /team/new and /team/update. */
export const teamForm: Section[] = [
  {
    title: 'Basic information',
    fields: [
      { name: 'team_alias', label: 'Team name', kind: 'text', required: true, placeholder: 'Travel Search' },
      { name: 'organization_id', label: 'Organization', kind: 'organization', placeholder: 'None' },
      { name: 'team_id', label: 'Team id', kind: 'text', placeholder: 'Made for you', on: 'create' },
      { name: 'admin', label: 'First admin', kind: 'user', placeholder: 'Nobody yet', on: 'create', help: 'Makes its projects, keys and members.' },
      { name: 'models', label: 'Models', kind: 'models', full: true, help: 'None chosen: every model.' },
      ...budgetFields(),
      { name: 'blocked', label: 'Blocked', kind: 'switch', full: true, on: 'edit', help: 'Calls of all its keys are refused until this is off.' },
    ],
  },
  limitSection(),
  {
    title: 'Each member', folded: true, about: 'What one member may use of the team’s keys, unless they were given limits of their own.',
    fields: [
      { name: 'team_member_budget', label: 'Budget of a member', kind: 'money' },
      { name: 'team_member_budget_duration', label: 'Resets', kind: 'duration' },
      { name: 'team_member_rpm_limit', label: 'Requests per minute', kind: 'int' },
      { name: 'team_member_tpm_limit', label: 'Tokens per minute', kind: 'int' },
    ],
  },
  {
    title: 'Advanced settings', folded: true,
    fields: [windows, modelLimits, { name: 'soft_budget', label: 'Soft budget', kind: 'money', placeholder: 'None' }, { name: 'access_group_ids', label: 'Access groups', kind: 'accessGroups' }, metadata],
  },
]
