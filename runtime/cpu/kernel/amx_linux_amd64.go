package kernel

import (
	"golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// haveAMX reports whether this process may use AMX int8: the kernel grants the
// tile registers on request (Linux 5.16, arch_prctl ARCH_REQ_XCOMP_PERM).
var haveAMX = cpu.X86.HasAMXTile && cpu.X86.HasAMXInt8 && requestTiles()

func requestTiles() bool {
	const reqXCompPerm, tileData = 0x1023, 18
	_, _, err := unix.RawSyscall(unix.SYS_ARCH_PRCTL, reqXCompPerm, tileData, 0)
	return err == 0
}
