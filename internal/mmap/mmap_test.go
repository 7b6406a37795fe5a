package mmap

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"
)

func write(t *testing.T, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.bin")
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func mapped(t *testing.T, path string) *Mapping {
	t.Helper()
	m, err := Map(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestMap(t *testing.T) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 1 << 20} {
		data := bytes.Repeat([]byte{0xa5, 1, 2}, n/3+1)[:n]
		m := mapped(t, write(t, data))
		if !bytes.Equal(m.Data, data) || m.Size() != int64(n) {
			t.Errorf("%d bytes: mapped bytes differ", n)
		}
		for a := Normal; a <= Huge; a++ {
			m.Advise(0, int64(n), a)
			m.Advise(5, 1<<62, a)
			m.Advise(-1, 3, a)
		}
		if !bytes.Equal(m.Data, data) {
			t.Errorf("%d bytes: advice changed the bytes", n)
		}
		if err := m.Unchanged(); err != nil {
			t.Error(err)
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
		if m.Data != nil {
			t.Error("Data outlives Close")
		}
	}
}

func TestMapRefuses(t *testing.T) {
	dir := t.TempDir()
	if _, err := Map(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("directory: %v", err)
	}
	if _, err := Map(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
	if runtime.GOOS != "windows" {
		if _, err := Map(os.DevNull); err == nil {
			t.Error("a device was mapped")
		}
	}
}

// truncate shortens a mapped file, which Windows does not allow.
func truncate(t *testing.T, path string, n int64) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows refuses to truncate a mapped file")
	}
	if err := os.Truncate(path, n); err != nil {
		t.Fatal(err)
	}
}

func sum(b []byte) (s int) {
	for _, c := range b {
		s += int(c)
	}
	return s
}

var sink int

func TestGuardTruncated(t *testing.T) {
	const size = 1 << 20
	page := os.Getpagesize()
	path := write(t, make([]byte, size))
	m := mapped(t, path)
	truncate(t, path, int64(page))

	old := debug.SetPanicOnFault(false)
	defer debug.SetPanicOnFault(old)
	deferred := false
	err := Guard(func() error {
		defer func() { deferred = true }()
		sink = sum(m.Data)
		return nil
	})
	var fault *FaultError
	if !errors.As(err, &fault) {
		t.Fatalf("got %v, want a FaultError", err)
	}
	want := FaultError{Path: path, Offset: int64(page), Size: size, Now: int64(page)}
	if *fault != want {
		t.Errorf("got %+v, want %+v", *fault, want)
	}
	if !strings.Contains(err.Error(), "truncated from 1048576") {
		t.Errorf("error does not explain: %v", err)
	}
	if !deferred {
		t.Error("deferred call did not run")
	}
	if debug.SetPanicOnFault(false) {
		t.Error("setting was not restored")
	}
	if err := Guard(func() error { sink = sum(m.Data[:page]); return nil }); err != nil {
		t.Errorf("first page is still there: %v", err)
	}
	if m.Unchanged() == nil {
		t.Error("Unchanged missed the truncation")
	}
	os.Remove(path)
	err = Guard(func() error { sink = sum(m.Data); return nil })
	if err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("removed file: %v", err)
	}
}

func TestGuardNestsAndWorkers(t *testing.T) {
	path := write(t, make([]byte, 1<<16))
	m := mapped(t, path)
	truncate(t, path, 0)
	read := func() error { sink = int(m.Data[9]); return nil }
	err := Guard(func() error {
		if err := Guard(read); err == nil {
			return errors.New("inner guard missed the fault")
		}
		return read()
	})
	var fault *FaultError
	if !errors.As(err, &fault) || fault.Offset != 9 {
		t.Errorf("outer guard: %v", err)
	}
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			errs[i] = Guard(func() error { buf := make([]byte, 64); copy(buf, m.Data[4096*i:]); return nil })
		})
	}
	wg.Wait()
	for i, err := range errs {
		if !errors.As(err, &fault) || fault.Offset != int64(4096*i) {
			t.Errorf("worker %d: %v", i, err)
		}
	}
}

func TestGuardSystemCall(t *testing.T) {
	path := write(t, make([]byte, 1<<16))
	m := mapped(t, path)
	truncate(t, path, 0)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	err = Guard(func() error { _, err := out.Write(m.Data); return err })
	var fault *FaultError
	if !errors.As(err, &fault) || fault.Path != path {
		t.Errorf("got %v, want a FaultError for %s", err, path)
	}
}

func TestGuardPassesOtherPanics(t *testing.T) {
	var nilPtr *[1 << 20]byte
	for name, f := range map[string]func() error{
		"nil":   func() error { sink = int(nilPtr[3]); return nil },
		"far":   func() error { sink = int(nilPtr[1<<19]); return nil },
		"value": func() error { panic("mine") },
		"index": func() error { var s []int; sink = s[sink&1+1]; return nil },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: panic was swallowed", name)
				}
			}()
			Guard(f)
		}()
	}
	want := errors.New("plain")
	if err := Guard(func() error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}

func TestUnchangedSeesRewrite(t *testing.T) {
	path := write(t, []byte("abcd"))
	m := mapped(t, path)
	if err := os.Chtimes(path, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if err := m.Unchanged(); err == nil || !strings.Contains(err.Error(), "modified") {
		t.Errorf("got %v", err)
	}
}
