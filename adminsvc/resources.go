package adminsvc

// resources are the parts of the API, each a file of its own. The order is that
// of the documentation.
var resources = []func(*server){
	projects,
	teams,
	keys,
	models,
	modelWrites,
	health,
	modelHealth,
	systemHealth,
	explanations,
	refusalsRoutes,
	audits,
	sessions,
	invitations,
	uiSettingsRoutes,
	spendLogsRoutes,
	spendRoutes,
	activities,
	budgets,
	tags,
	accessGroups,
	legacyAccessGroups,
	accessGroupBudgets,
	keyBulks,
	teamBulks,
	scopedSpend,
	users,
	organizations,
	customers,
	enforcement,
	unsupported, // last: what nothing else answers
}
