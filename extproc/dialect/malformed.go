package dialect

// Malformed says what is wrong with a request: the client's to mend, 400.
type Malformed struct {
	Message string
	Param   string // the field, dotted; "" where it is no field
	Code    string // "invalid_json", "duplicate_field", …; for machines
	Status  int    // 0 is 400
}

func (m *Malformed) Error() string { return m.Message }

// Refusal is the answer to it.
func (m *Malformed) Refusal() Refusal {
	status := m.Status
	if status == 0 {
		status = 400
	}
	return Refusal{Status: status, Message: m.Message, Type: "invalid_request_error", Param: m.Param, Code: m.Code}
}
