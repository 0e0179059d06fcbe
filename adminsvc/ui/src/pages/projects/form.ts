import { budgetFields, limitSection, metadata, modelLimits, type Section } from '../../forms/spec'

/** Create Project, and Edit Project: the fields of /project/new. */
export const projectForm: Section[] = [
  {
    title: 'Basic information',
    fields: [
      { name: 'project_alias', label: 'Project Name', kind: 'text', required: true, placeholder: 'Flight search' },
      { name: 'team_id', label: 'Team', kind: 'team', required: true, placeholder: 'Choose a team', on: 'create', help: 'A project can use what its team can.' },
      { name: 'description', label: 'Description', kind: 'area', full: true, placeholder: 'What it is for, and whom to ask' },
      { name: 'models', label: 'Models', kind: 'models', full: true, needs: (v) => (v.team_id ? null : 'Select a team first'), modelsOf: (v) => ({ team: v.team_id as string }), help: 'None chosen: all that the team may call.' },
      ...budgetFields('Empty: only the team’s budget holds.'),
      { name: 'blocked', label: 'Blocked', kind: 'switch', full: true, help: 'Calls of all its keys are refused until this is off.' },
    ],
  },
  {
    title: 'Advanced settings', folded: true,
    fields: [
      { name: 'soft_budget', label: 'Soft budget', kind: 'money', placeholder: 'None', help: 'Spending goes on; it is only a mark to warn at.' },
      { ...modelLimits, modelsOf: (v) => ({ team: v.team_id as string }) },
      metadata,
    ],
  },
  limitSection(),
]
