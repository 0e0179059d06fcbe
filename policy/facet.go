package policy

// FacetQuery asks which users or customers requests were of: what a filter of the log offers.
type FacetQuery struct {
	LogQuery           // From, Until (by whole hours), KeyHash, UserID, TeamID, ProjectID, OrganizationID and Teams narrow; Limit and Offset page
	Of       ScopeKind // ScopeUser or ScopeCustomer
	Contains string    // part of the id, whatever its case
}
