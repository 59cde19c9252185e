package mls
