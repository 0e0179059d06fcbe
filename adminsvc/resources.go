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
	unsupported,
	users,
	organizations,
	customers,
	enforcement,
}
