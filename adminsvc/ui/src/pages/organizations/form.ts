import { budgetFields, limitSection, metadata, modelLimits, type Section } from '../../forms/spec'

export const organizationForm: Section[] = [
  { title: 'Basic information', fields: [{ name: 'organization_alias', label: 'Name', kind: 'text', required: true, placeholder: 'Northwind' }, { name: 'organization_id', label: 'Organization id', kind: 'text', placeholder: 'Made for you', on: 'create' }, { name: 'models', label: 'Models', kind: 'models', full: true, help: 'None chosen: every model.' }, ...budgetFields('Over all its teams.')] },
  limitSection(),
  { title: 'Advanced settings', folded: true, fields: [modelLimits, metadata] },
]
