package integration

import "testing"

func TestRefusals_of_resources(t *testing.T) { refuseConfigs(t, badResources) }

var badResources = []badConfig{
	// config-linux.md#allowed-device-list
	{"rule for a kind of device", values{"linux.resources": object{"devices": list{object{"allow": true, "type": "p", "access": "r"}}}}, []string{`linux.resources.devices[0].type: "p" is not a device type; want one of a, c, b (config-linux.md#allowed-device-list)`}},
	{"rule for an access", values{"linux.resources": object{"devices": list{object{"allow": true, "type": "c", "access": "rx"}}}}, []string{`linux.resources.devices[0].access: "rx" must be made of r, w and m (config-linux.md#allowed-device-list)`}},
	{"rule for a negative major number", values{"linux.resources": object{"devices": list{object{"allow": true, "type": "c", "major": -2, "access": "r"}}}}, []string{`linux.resources.devices[0].major: major number -2 is out of range (config-linux.md#allowed-device-list)`}},
	{"rule for a huge minor number", values{"linux.resources": object{"devices": list{object{"allow": true, "type": "c", "minor": 4294967296, "access": "r"}}}}, []string{`linux.resources.devices[0].minor: minor number 4294967296 is out of range (config-linux.md#allowed-device-list)`}},
	// config-linux.md#memory
	{"memory below no limit", values{"linux.resources": object{"memory": object{"limit": -2}}}, []string{`linux.resources.memory.limit: -2 is below -1 (unlimited) (config-linux.md#memory)`}},
	{"all of memory below no limit", values{"linux.resources": object{"memory": object{"reservation": -2, "kernel": -3, "kernelTCP": -4}}}, []string{`linux.resources.memory.reservation: -2 is below -1 (unlimited) (config-linux.md#memory)`, `linux.resources.memory.kernel: -3 is below -1 (unlimited) (config-linux.md#memory)`, `linux.resources.memory.kernelTCP: -4 is below -1 (unlimited) (config-linux.md#memory)`}},
	{"swap below memory", values{"linux.resources": object{"memory": object{"limit": 67108864, "swap": 1048576}}}, []string{`linux.resources.memory.swap: memory+swap limit 1048576 is below the memory limit 67108864 (config-linux.md#memory)`}},
	{"swap without memory", values{"linux.resources": object{"memory": object{"swap": 1048576}}}, []string{`linux.resources.memory.swap: a memory+swap limit needs a memory limit (config-linux.md#memory)`}},
	{"swap of unlimited memory", values{"linux.resources": object{"memory": object{"limit": -1, "swap": 1048576}}}, []string{`linux.resources.memory.swap: a memory+swap limit needs a memory limit (config-linux.md#memory)`}},
	{"swappiness beyond the range", values{"linux.resources": object{"memory": object{"swappiness": 101}}}, []string{`linux.resources.memory.swappiness: swappiness 101 is out of range, want 0 to 100 (config-linux.md#memory)`}},
	// config-linux.md#cpu
	{"period too short", values{"linux.resources": object{"cpu": object{"period": 100}}}, []string{`linux.resources.cpu.period: period of 100 µs is out of range, want 1000 to 1000000 (config-linux.md#cpu)`}},
	{"period too long", values{"linux.resources": object{"cpu": object{"period": 1000001}}}, []string{`linux.resources.cpu.period: period of 1000001 µs is out of range, want 1000 to 1000000 (config-linux.md#cpu)`}},
	{"quota too small", values{"linux.resources": object{"cpu": object{"quota": 999}}}, []string{`linux.resources.cpu.quota: quota of 999 µs is below the 1000 µs that Linux allows (config-linux.md#cpu)`}},
	{"burst above quota", values{"linux.resources": object{"cpu": object{"quota": 10000, "burst": 10001}}}, []string{`linux.resources.cpu.burst: burst of 10001 µs is above the quota of 10000 µs (config-linux.md#cpu)`}},
	{"realtime below no limit", values{"linux.resources": object{"cpu": object{"realtimeRuntime": -2}}}, []string{`linux.resources.cpu.realtimeRuntime: -2 is below -1 (unlimited) (config-linux.md#cpu)`}},
	{"realtime for more than a period", values{"linux.resources": object{"cpu": object{"realtimeRuntime": 11, "realtimePeriod": 10}}}, []string{`linux.resources.cpu.realtimeRuntime: realtime runtime of 11 µs is above the realtime period of 10 µs (config-linux.md#cpu)`}},
	{"cpus by name", values{"linux.resources": object{"cpu": object{"cpus": "all"}}}, []string{`linux.resources.cpu.cpus: "all" is not a list of CPUs such as 0-3,7: "all" is not a number or a range (config-linux.md#cpu)`}},
	{"cpus backwards", values{"linux.resources": object{"cpu": object{"cpus": "3-1"}}}, []string{`linux.resources.cpu.cpus: "3-1" is not a list of CPUs such as 0-3,7: 3-1 runs backwards (config-linux.md#cpu)`}},
	{"memory nodes in hexadecimal", values{"linux.resources": object{"cpu": object{"mems": "0x1"}}}, []string{`linux.resources.cpu.mems: "0x1" is not a list of memory nodes such as 0-3,7: "0x1" is not a number or a range (config-linux.md#cpu)`}},
	{"idle more than wholly", values{"linux.resources": object{"cpu": object{"idle": 2}}}, []string{`linux.resources.cpu.idle: 2 is neither 0 nor 1 (config-linux.md#cpu)`}},
	{"four mistakes about time", values{"linux.resources": object{"cpu": object{"period": 1, "quota": 2, "burst": 3, "idle": -1}}}, []string{`linux.resources.cpu.period: period of 1 µs is out of range, want 1000 to 1000000 (config-linux.md#cpu)`, `linux.resources.cpu.quota: quota of 2 µs is below the 1000 µs that Linux allows (config-linux.md#cpu)`, `linux.resources.cpu.burst: burst of 3 µs is above the quota of 2 µs (config-linux.md#cpu)`, `linux.resources.cpu.idle: -1 is neither 0 nor 1 (config-linux.md#cpu)`}},
	// config-linux.md#block-io
	{"weight beyond the range", values{"linux.resources": object{"blockIO": object{"weight": 1001}}}, []string{`linux.resources.blockIO.weight: weight 1001 is out of range, want 10 to 1000 (config-linux.md#block-io)`}},
	{"leaf weight beyond the range", values{"linux.resources": object{"blockIO": object{"leafWeight": 65535}}}, []string{`linux.resources.blockIO.leafWeight: weight 65535 is out of range, want 10 to 1000 (config-linux.md#block-io)`}},
	{"weight of a device", values{"linux.resources": object{"blockIO": object{"weightDevice": list{object{"major": -1, "minor": 1048576, "weight": 1001}}}}}, []string{`linux.resources.blockIO.weightDevice[0].major: major number -1 is out of range, want 0 to 4095 (config-linux.md#block-io)`, `linux.resources.blockIO.weightDevice[0].minor: minor number 1048576 is out of range, want 0 to 1048575 (config-linux.md#block-io)`, `linux.resources.blockIO.weightDevice[0].weight: weight 1001 is out of range, want 10 to 1000 (config-linux.md#block-io)`}},
	{"throttled device", values{"linux.resources": object{"blockIO": object{"throttleWriteIOPSDevice": list{object{"major": 4096, "minor": 0, "rate": 1}}}}}, []string{`linux.resources.blockIO.throttleWriteIOPSDevice[0].major: major number 4096 is out of range, want 0 to 4095 (config-linux.md#block-io)`}},
	// config-linux.md#huge-page-limits, #network, #rdma, #unified
	{"huge page of no unit", values{"linux.resources": object{"hugepageLimits": list{object{"pageSize": "2097152", "limit": 1}}}}, []string{`linux.resources.hugepageLimits[0].pageSize: "2097152" is not a huge page size of the form 64KB, 2MB, 1GB (config-linux.md#huge-page-limits)`}},
	{"huge page of a path", values{"linux.resources": object{"hugepageLimits": list{object{"pageSize": "../2MB", "limit": 1}}}}, []string{`linux.resources.hugepageLimits[0].pageSize: "../2MB" is not a huge page size of the form 64KB, 2MB, 1GB (config-linux.md#huge-page-limits)`}},
	{"priority of a path", values{"linux.resources": object{"network": object{"priorities": list{object{"name": "a/b", "priority": 1}}}}}, []string{`linux.resources.network.priorities[0].name: "a/b" is not an interface name: it must not contain "/" (config-linux.md#network)`}},
	{"rdma of nothing", values{"linux.resources": object{"rdma": object{"": object{"hcaHandles": 1}}}}, []string{`linux.resources.rdma[""]: "" is not the name of a device (config-linux.md#rdma)`}},
	{"rdma of two words", values{"linux.resources": object{"rdma": object{"a b": object{"hcaHandles": 1}}}}, []string{`linux.resources.rdma["a b"]: "a b" is not the name of a device (config-linux.md#rdma)`}},
	{"unified path", values{"linux.resources": object{"unified": object{"../memory.max": "1"}}}, []string{`linux.resources.unified["../memory.max"]: "../memory.max" must be a file name, without slashes (config-linux.md#unified)`}},
	{"unified word", values{"linux.resources": object{"unified": object{"memory": "1", ".max": "1"}}}, []string{`linux.resources.unified.memory: "memory" must be of the form CONTROLLER.PARAMETER (config-linux.md#unified)`, `linux.resources.unified[".max"]: ".max" must be of the form CONTROLLER.PARAMETER (config-linux.md#unified)`}},
	{"unified value with NUL", values{"linux.resources": object{"unified": object{"memory.max": "1\x00"}}}, []string{`linux.resources.unified["memory.max"]: must not contain a NUL byte: the kernel's strings end there (config-linux.md#unified)`}},
	// types
	{"a limit in words", values{"linux.cgroupsPath": nil, "linux.resources": object{"memory": object{"limit": "64M"}}}, []string{`linux.resources.memory.limit: want an integer, got a string, in line 1, column 138 (config-linux.md)`}},
	{"a limit with a fraction", values{"linux.cgroupsPath": nil, "linux.resources": object{"pids": object{"limit": 1.5}}}, []string{`linux.resources.pids.limit: number 1.5 is not an integer, in line 1, column 136 (config-linux.md)`}},
	{"a share below zero", values{"linux.cgroupsPath": nil, "linux.resources": object{"cpu": object{"shares": -1}}}, []string{`linux.resources.cpu.shares: number -1 is out of range, want 0 to 18446744073709551615, in line 1, column 136 (config-linux.md)`}},
	{"a weight of too many bits", values{"linux.cgroupsPath": nil, "linux.resources": object{"blockIO": object{"weight": 65536}}}, []string{`linux.resources.blockIO.weight: number 65536 is out of range, want 0 to 65535, in line 1, column 140 (config-linux.md)`}},
}
