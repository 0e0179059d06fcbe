import { budgetFields, limitSection, metadata, modelLimits, type Section, windows } from '../../forms/spec'
import { roleName } from '../../shared/roles'

const roles = ['internal_user', 'internal_user_viewer', 'proxy_admin', 'proxy_admin_viewer'].map((value) => ({ value, label: roleName(value) }))

export const userForm: Section[] = [
  {
    title: 'Basic information',
    fields: [
      { name: 'user_email', label: 'E-mail', kind: 'text', placeholder: 'ada@example.com' },
      { name: 'user_alias', label: 'Name', kind: 'text', placeholder: 'Ada' },
      { name: 'user_id', label: 'User id', kind: 'text', placeholder: 'Made for you', on: 'create' },
      { name: 'user_role', label: 'Role', kind: 'select', options: roles, required: true },
      { name: 'password', label: 'Password', kind: 'password', help: 'To sign in here. Or send an invitation later.' },
      { name: 'models', label: 'Models', kind: 'models', help: 'None chosen: every model.' },
      ...budgetFields('Over all keys of theirs, in every team.'),
      { name: 'auto_create_key', label: 'Make a first key', kind: 'switch', on: 'create', full: true },
      { name: 'blocked', label: 'Blocked', kind: 'switch', on: 'edit', full: true, help: 'Calls of all their keys are refused, and they cannot sign in.' },
    ],
  },
  limitSection(),
  { title: 'Advanced settings', folded: true, fields: [windows, modelLimits, metadata] },
]
