package cpu

import "github.com/tessera-llm/tessera/runtime/cpu/kernel"

// Machine describes the processor for people.
type Machine struct {
	Name  string `json:"cpu"` // model name; "" where the system does not tell
	Cores int    `json:"cores"`
	Tier  string `json:"tier"` // of the kernels that would run
}

// ThisMachine describes the machine and the tier that $TESSERA_CPU allows.
func ThisMachine() (Machine, error) {
	t, err := kernel.Best()
	if err != nil {
		return Machine{}, err
	}
	return Machine{Name: cpuName(), Cores: physicalCores(), Tier: t.String()}, nil
}
