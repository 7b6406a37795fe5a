package mmap

const madvHuge = -1 // no such advice
